-- What each state is bound to do, from when to when, and by which day, as known on the as-of date.

select
    cast(obligation_id as {{ dbt.type_string() }}) as obligation_id,
    cast(iso3 as {{ dbt.type_string() }}) as iso3,
    cast(kind as {{ dbt.type_string() }}) as kind,
    cast(starts_on as date) as starts_on,
    cast(ends_on as date) as ends_on,
    cast(end_reason as {{ dbt.type_string() }}) as end_reason,
    cast(deadline as date) as deadline,
    cast(quantity as decimal(18, 2)) as quantity,
    cast(unit as {{ dbt.type_string() }}) as unit,
    cast(received_on as date) as received_on,
    cast(source_ref as {{ dbt.type_string() }}) as source_ref,
    cast(file_sha256 as {{ dbt.type_string() }}) as file_sha256,
    cast(file_name as {{ dbt.type_string() }}) as file_name,
    cast(sheet as {{ dbt.type_string() }}) as sheet,
    cast(row_number as bigint) as row_number,
    cast(place as {{ dbt.type_string() }}) as place
from {{ ref('stg_obligations') }}
