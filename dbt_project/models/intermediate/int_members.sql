-- The grid of members: who ought to have an observation for each indicator and year. A percentage has its population on
-- the cut-off, and those pending; a number has all who belonged on at least one day of the year.

with

questions as (
    select * from {{ ref('int_indicator_years') }}
),

snapshots as (
    select * from {{ ref('int_population_members') }}
),

periods as (
    select * from {{ ref('int_population_periods') }}
),

consents as (
    select
        action_id,
        iso3,
        deposited_on
    from {{ ref('stg_treaty_actions') }}
    where action in ({{ consent_actions() }})
)

select
    questions.reporting_year,
    questions.plan_version,
    questions.indicator_id,
    snapshots.member_kind,
    snapshots.member_key,
    snapshots.iso3,
    not snapshots.is_pending as in_denominator,
    snapshots.is_pending
from questions
inner join snapshots
    on
        questions.reporting_year = snapshots.reporting_year
        and questions.population = snapshots.population
where questions.unit = 'percent'
union all
select distinct
    questions.reporting_year,
    questions.plan_version,
    questions.indicator_id,
    'state' as member_kind,
    periods.iso3 as member_key,
    periods.iso3,
    cast(null as boolean) as in_denominator,
    false as is_pending
from questions
inner join periods
    on
        questions.population = periods.population
        and periods.member_from <= questions.cut_off
        and questions.year_start < periods.member_until
where
    questions.unit = 'number'
    and questions.rule <> 'joined_in_year'
union all
select
    questions.reporting_year,
    questions.plan_version,
    questions.indicator_id,
    'instrument' as member_kind,
    consents.action_id as member_key,
    consents.iso3,
    cast(null as boolean) as in_denominator,
    false as is_pending
from questions
inner join consents on consents.deposited_on between questions.year_start and questions.cut_off
where questions.rule = 'joined_in_year'
