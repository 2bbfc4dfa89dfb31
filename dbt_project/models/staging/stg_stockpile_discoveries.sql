with

records as (
    {{ counting_versions('stockpile_discoveries', ['discovery_id']) }}
),

states as (
    select * from {{ ref('stg_states') }}
)

select
    records.discovery_id,
    records.iso3,
    records.discovered_on,
    records.reported_on,
    records.destroyed_on,
    records.quantity,
    {{ provenance('records') }}
from records
inner join states on records.iso3 = states.iso3
