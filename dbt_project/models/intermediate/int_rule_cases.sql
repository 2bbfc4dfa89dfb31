-- Rules `case_open_in_year` and `case_update_reported`. One row for each year, indicator and state with a case open on
-- a day of the year.

with

questions as (
    select *
    from {{ ref('int_indicator_years') }}
    where rule in ('case_open_in_year', 'case_update_reported')
),

cases as (
    select * from {{ ref('int_open_cases') }}
),

periods as (
    select * from {{ ref('int_population_periods') }}
),

standing_populations as (
    select distinct population from periods
),

updates as (
    select
        statements.iso3,
        statements.case_id,
        meetings.starts_on
    from {{ ref('stg_meeting_statements') }} as statements
    inner join {{ ref('stg_meetings') }} as meetings on statements.meeting_id = meetings.meeting_id
    where statements.topic = 'compliance_update'
),

judged as (
    select
        questions.reporting_year,
        questions.plan_version,
        questions.indicator_id,
        cases.iso3,
        max(
            case
                when periods.iso3 is not null then 1
                -- a population that is tied to the year has no days of its own
                when questions.unit = 'percent' and standing_populations.population is null then 1
                else 0
            end
        ) = 1 as is_counted
    from questions
    inner join cases on questions.reporting_year = cases.reporting_year
    left join standing_populations on questions.population = standing_populations.population
    -- one day on which the case was open and the state belonged is enough; the rule itself asks for it, so that it
    -- holds for percentages too
    left join periods
        on
            questions.population = periods.population
            and cases.iso3 = periods.iso3
            and periods.member_from <= cases.open_to
            and cases.open_from < periods.member_until
    where questions.rule = 'case_open_in_year'
    group by questions.reporting_year, questions.plan_version, questions.indicator_id, cases.iso3
    union all
    select
        questions.reporting_year,
        questions.plan_version,
        questions.indicator_id,
        cases.iso3,
        max(case when updates.case_id is not null then 1 else 0 end) = 1 as is_counted
    from questions
    inner join cases on questions.reporting_year = cases.reporting_year
    left join updates
        on
            cases.case_id = updates.case_id
            and cases.iso3 = updates.iso3
            and updates.starts_on between questions.year_start and questions.cut_off
    where questions.rule = 'case_update_reported'
    group by questions.reporting_year, questions.plan_version, questions.indicator_id, cases.iso3
)

select
    reporting_year,
    plan_version,
    indicator_id,
    'state' as member_kind,
    iso3 as member_key,
    iso3,
    is_counted,
    case when is_counted then 'met' else 'not_met' end as reason
from judged
