with

records as (
    {{ counting_versions('contributions', ['contribution_id']) }}
),

states as (
    select * from {{ ref('stg_states') }}
)

select
    records.contribution_id,
    records.iso3,
    records.year,
    records.kind,
    records.amount,
    records.dated_on,
    {{ provenance('records') }}
from records
inner join states on records.iso3 = states.iso3
