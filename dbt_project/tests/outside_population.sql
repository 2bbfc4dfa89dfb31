{{ config(
    severity='warn',
    meta={
        'code': 'outside_population',
        'dimension': 'accuracy',
        'subject': 'stg_article7_answers',
        'guards': 'An answer of a state outside the population of the indicator is never counted.',
        'sentence': 'Check the state, the indicator or the register of obligations; an answer that does not concern the state may say not_applicable.',
    },
) }}

with

reports as (
    select
        reports.*,
        years.cut_off
    from {{ ref('int_reports') }} as reports
    inner join {{ ref('int_reporting_years') }} as years on reports.reporting_year = years.reporting_year
),

answers as (
    select * from {{ ref('stg_article7_answers') }} where answer <> 'not_applicable'
),

indicators as (
    select * from {{ ref('stg_plan_indicators') }}
),

asked as (
    select
        reports.iso3,
        answers.report_id,
        answers.indicator_id,
        answers.file_name,
        answers.row_number,
        indicators.population,
        case when indicators.unit = 'percent' then reports.cut_off else reports.submitted_on end as judged_on
    from answers
    inner join reports on answers.report_id = reports.report_id
    inner join indicators
        on
            answers.plan_version = indicators.plan_version
            and answers.indicator_id = indicators.indicator_id
)

select asked.*
from asked
{{ membership_on('asked.population', 'asked.iso3', 'asked.judged_on') }}
where membership.iso3 is null
