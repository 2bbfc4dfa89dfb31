with

records as (
    {{ counting_versions('obligations', ['obligation_id']) }}
),

states as (
    select * from {{ ref('stg_states') }}
)

select
    records.obligation_id,
    records.iso3,
    records.kind,
    records.starts_on,
    records.ends_on,
    records.end_reason,
    records.deadline,
    records.quantity,
    records.unit,
    {{ provenance('records') }}
from records
inner join states on records.iso3 = states.iso3
