-- What each state did towards the Convention, as known on the as-of date.

select
    cast(action_id as {{ dbt.type_string() }}) as action_id,
    cast(iso3 as {{ dbt.type_string() }}) as iso3,
    cast(action as {{ dbt.type_string() }}) as action,
    cast(deposited_on as date) as deposited_on,
    cast(effective_on as date) as effective_on,
    cast(received_on as date) as received_on,
    cast(source_ref as {{ dbt.type_string() }}) as source_ref,
    cast(file_sha256 as {{ dbt.type_string() }}) as file_sha256,
    cast(file_name as {{ dbt.type_string() }}) as file_name,
    cast(sheet as {{ dbt.type_string() }}) as sheet,
    cast(row_number as bigint) as row_number,
    cast(place as {{ dbt.type_string() }}) as place
from {{ ref('stg_treaty_actions') }}
