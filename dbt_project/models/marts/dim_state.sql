-- The states known on the as-of date.

select
    cast(iso3 as {{ dbt.type_string() }}) as iso3,
    cast(name as {{ dbt.type_string() }}) as name,
    cast(un_region as {{ dbt.type_string() }}) as un_region
from {{ ref('stg_states') }}
