with

records as (
    {{ counting_versions('treaty_actions', ['action_id']) }}
),

states as (
    select * from {{ ref('stg_states') }}
)

select
    records.action_id,
    records.iso3,
    records.action,
    records.deposited_on,
    records.effective_on,
    {{ provenance('records') }}
from records
inner join states on records.iso3 = states.iso3
