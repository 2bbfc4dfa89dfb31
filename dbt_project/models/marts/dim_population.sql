-- The populations, in words.

select
    cast(population as {{ dbt.type_string() }}) as population,
    cast(member_kind as {{ dbt.type_string() }}) as member_kind,
    cast(title as {{ dbt.type_string() }}) as title,
    cast(definition as {{ dbt.type_string() }}) as definition
from {{ ref('populations') }}
