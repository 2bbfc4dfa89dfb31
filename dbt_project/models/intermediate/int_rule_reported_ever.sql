-- Rule `reported_ever`: the latest yes or no over the reporting years up to the year; where there is none, the latest
-- other answer. One row for each year, indicator and state with any report.

with

questions as (
    select * from {{ ref('int_indicator_years') }} where rule = 'reported_ever'
),

reports as (
    select * from {{ ref('stg_article7_reports') }}
),

answers as (
    select * from {{ ref('stg_article7_answers') }}
),

read_reports as (
    select
        questions.reporting_year,
        questions.plan_version,
        questions.indicator_id,
        reports.iso3,
        reports.report_id,
        reports.submitted_on,
        answers.answer,
        answers.evidence,
        answers.location
    from questions
    inner join reports
        on
            questions.reporting_year >= reports.reporting_year
            and questions.submission_cut_off >= reports.submitted_on
    left join answers
        on
            reports.report_id = answers.report_id
            and questions.plan_version = answers.plan_version
            and questions.indicator_id = answers.indicator_id
    qualify
        row_number() over (
            partition by questions.reporting_year, questions.plan_version, questions.indicator_id, reports.iso3
            order by
                case
                    when answers.answer in ('yes', 'no') then 1
                    when answers.answer is not null then 2
                    else 3
                end,
                reports.reporting_year desc,
                reports.submitted_on desc,
                reports.report_id desc
        ) = 1
)

select
    read_reports.reporting_year,
    read_reports.plan_version,
    read_reports.indicator_id,
    'state' as member_kind,
    read_reports.iso3 as member_key,
    read_reports.iso3,
    coalesce(read_reports.answer = 'yes', false) as is_counted,
    coalesce(read_reports.answer, 'not_answered') as reason,
    read_reports.report_id,
    read_reports.evidence,
    read_reports.location
from read_reports
