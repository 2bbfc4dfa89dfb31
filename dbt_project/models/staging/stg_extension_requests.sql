with

records as (
    {{ counting_versions('extension_requests', ['request_id']) }}
),

states as (
    select * from {{ ref('stg_states') }}
)

select
    records.request_id,
    records.iso3,
    records.submitted_on,
    records.clearance_detailed,
    records.clearance_costed,
    records.clearance_multiyear,
    records.risk_education_detailed,
    records.risk_education_costed,
    records.risk_education_multiyear,
    {{ provenance('records') }}
from records
inner join states on records.iso3 = states.iso3
