with

records as (
    {{ counting_versions('article7_answers', ['report_id', 'indicator_id']) }}
),

article7_reports as (
    select * from {{ ref('stg_article7_reports') }}
)

select
    records.report_id,
    records.indicator_id,
    coalesce(records.plan_version, {{ configured_plan() }}) as plan_version,
    records.answer,
    records.evidence,
    records.location,
    {{ provenance('records') }}
from records
inner join article7_reports on records.report_id = article7_reports.report_id
