with

records as (
    {{ counting_versions('compliance_cases', ['case_id']) }}
),

states as (
    select * from {{ ref('stg_states') }}
)

select
    records.case_id,
    records.iso3,
    records.article,
    records.opened_on,
    records.closed_on,
    records.basis,
    {{ provenance('records') }}
from records
inner join states on records.iso3 = states.iso3
