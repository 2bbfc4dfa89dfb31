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

deciding_answers as (
    select
        reports.reporting_year,
        reports.iso3,
        reports.report_id,
        reports.submitted_on,
        answers.plan_version,
        answers.indicator_id,
        answers.answer,
        answers.evidence,
        answers.location
    from reports
    inner join answers on reports.report_id = answers.report_id
    qualify
        row_number() over (
            partition by reports.reporting_year, reports.iso3, answers.plan_version, answers.indicator_id
            order by reports.submitted_on desc, reports.report_id desc
        ) = 1
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
