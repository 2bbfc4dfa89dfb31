-- Rule `reported`: the answer of a state in a year is that of its latest counted report that holds one. One row for
-- each year, indicator and state with a report.

with

questions as (
    select * from {{ ref('int_indicator_years') }} where rule = 'reported'
),

reports as (
    select * from {{ ref('int_reports') }}
),

answers as (
    select * from {{ ref('stg_article7_answers') }}
),

-- a number in the place of day and id: the latest is found without sorting what is said
reports_in_order as (
    select
        reporting_year,
        iso3,
        report_id,
        submitted_on,
        row_number() over (partition by reporting_year, iso3 order by submitted_on, report_id) as place
    from reports
),

deciding_places as (
    select
        reports_in_order.reporting_year,
        reports_in_order.iso3,
        answers.plan_version,
        answers.indicator_id,
        max(reports_in_order.place) as place
    from reports_in_order
    inner join answers on reports_in_order.report_id = answers.report_id
    group by
        reports_in_order.reporting_year,
        reports_in_order.iso3,
        answers.plan_version,
        answers.indicator_id
),

deciding_answers as (
    select
        deciding_places.reporting_year,
        deciding_places.iso3,
        deciding_places.plan_version,
        deciding_places.indicator_id,
        reports_in_order.report_id,
        reports_in_order.submitted_on,
        answers.answer,
        answers.evidence,
        answers.location
    from deciding_places
    inner join reports_in_order
        on
            deciding_places.reporting_year = reports_in_order.reporting_year
            and deciding_places.iso3 = reports_in_order.iso3
            and deciding_places.place = reports_in_order.place
    inner join answers
        on
            reports_in_order.report_id = answers.report_id
            and deciding_places.plan_version = answers.plan_version
            and deciding_places.indicator_id = answers.indicator_id
),

answered as (
    select
        questions.reporting_year,
        questions.plan_version,
        questions.indicator_id,
        questions.unit,
        questions.population,
        reports.iso3,
        coalesce(answers.answer, 'not_answered') as reason,
        coalesce(answers.report_id, reports.report_id) as report_id,
        coalesce(answers.submitted_on, reports.submitted_on) as submitted_on,
        answers.evidence,
        answers.location
    from questions
    inner join reports
        on
            questions.reporting_year = reports.reporting_year
            and reports.is_latest
    left join deciding_answers as answers
        on
            questions.reporting_year = answers.reporting_year
            and questions.plan_version = answers.plan_version
            and questions.indicator_id = answers.indicator_id
            and reports.iso3 = answers.iso3
)

select
    answered.reporting_year,
    answered.plan_version,
    answered.indicator_id,
    'state' as member_kind,
    answered.iso3 as member_key,
    answered.iso3,
    answered.reason = 'yes' and {{ act_counts('answered.unit') }} as is_counted,
    answered.reason,
    answered.report_id,
    answered.evidence,
    answered.location
from answered
{{ membership_on('answered.population', 'answered.iso3', 'answered.submitted_on') }}
