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
    select * from {{ ref('int_reports') }}
),

answers as (
    select * from {{ ref('stg_article7_answers') }} where answer <> 'not_applicable'
),

indicators as (
    select * from {{ ref('stg_plan_indicators') }}
),

-- a percentage describes the members on the cut-off, of populations that are tied to the year too
members as (
    select
        reporting_year,
        population,
        member_key as iso3
    from {{ ref('population_members') }}
    where member_kind = 'state'
),

asked as (
    select
        reports.iso3,
        answers.report_id,
        answers.indicator_id,
        answers.file_name,
        answers.row_number,
        reports.reporting_year,
        reports.submitted_on,
        indicators.unit,
        indicators.population
    from answers
    inner join reports on answers.report_id = reports.report_id
    inner join indicators
        on
            answers.plan_version = indicators.plan_version
            and answers.indicator_id = indicators.indicator_id
)

select asked.*
from asked
left join members
    on
        asked.reporting_year = members.reporting_year
        and asked.population = members.population
        and asked.iso3 = members.iso3
{{ membership_on('asked.population', 'asked.iso3', 'asked.submitted_on') }}
where
    (asked.unit = 'percent' and members.iso3 is null)
    or (asked.unit = 'number' and membership.iso3 is null)
