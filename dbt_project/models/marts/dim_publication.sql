-- The publication itself: one row. The only table that holds times and ids of a run.

select
    cast(publication_id as {{ dbt.type_string() }}) as publication_id,
    cast(as_of as date) as as_of,
    cast(last_delivery_seq as bigint) as last_delivery_seq,
    cast(batch as bigint) as batch,
    cast(plan_version as {{ dbt.type_string() }}) as plan_version,
    cast(program_version as {{ dbt.type_string() }}) as program_version,
    cast(run_id as {{ dbt.type_string() }}) as run_id,
    cast(created_at as {{ dbt.type_string() }}) as created_at
from {{ source('control', 'run_settings') }}
