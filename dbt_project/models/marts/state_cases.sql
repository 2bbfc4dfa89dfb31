-- Cases of compliance, each with the public document that states it (outputs.md, The site).

select
    cast(case_id as {{ dbt.type_string() }}) as case_id,
    cast(iso3 as {{ dbt.type_string() }}) as iso3,
    cast(article as {{ dbt.type_string() }}) as article,
    cast(opened_on as date) as opened_on,
    cast(closed_on as date) as closed_on,
    cast(basis as {{ dbt.type_string() }}) as basis,
    cast(received_on as date) as received_on,
    cast(source_ref as {{ dbt.type_string() }}) as source_ref,
    cast(file_sha256 as {{ dbt.type_string() }}) as file_sha256,
    cast(file_name as {{ dbt.type_string() }}) as file_name,
    cast(sheet as {{ dbt.type_string() }}) as sheet,
    cast(row_number as bigint) as row_number,
    cast(place as {{ dbt.type_string() }}) as place
from {{ ref('stg_compliance_cases') }}
