with

records as (
    {{ counting_versions('article7_reports', ['report_id']) }}
),

states as (
    select * from {{ ref('stg_states') }}
)

select
    records.report_id,
    records.iso3,
    records.reporting_year,
    records.submitted_on,
    records.uses_guide,
    records.has_implementation_update,
    records.language,
    records.document_url,
    records.document_sha256,
    {{ provenance('records') }}
from records
inner join states on records.iso3 = states.iso3
