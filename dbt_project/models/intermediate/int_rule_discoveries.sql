-- Rules `discovered_in_year` and `destroyed_within_six_months`. One row for each year, indicator and state with a
-- discovery reported, or due, in the year.

with

questions as (
    select *
    from {{ ref('int_indicator_years') }}
    where rule in ('discovered_in_year', 'destroyed_within_six_months')
),

discoveries as (
    select * from {{ ref('int_discoveries') }}
),

judged as (
    select
        questions.reporting_year,
        questions.plan_version,
        questions.indicator_id,
        discoveries.iso3,
        max(case when {{ act_counts('questions.unit') }} then 1 else 0 end) = 1 as is_counted
    from questions
    inner join discoveries on discoveries.reported_on between questions.year_start and questions.cut_off
    {{ membership_on('questions.population', 'discoveries.iso3', 'discoveries.reported_on') }}
    where questions.rule = 'discovered_in_year'
    group by questions.reporting_year, questions.plan_version, questions.indicator_id, discoveries.iso3
    union all
    select
        questions.reporting_year,
        questions.plan_version,
        questions.indicator_id,
        discoveries.iso3,
        min(case when discoveries.is_destroyed_in_time then 1 else 0 end) = 1 as is_counted
    from questions
    inner join discoveries on discoveries.due_on between questions.year_start and questions.cut_off
    where questions.rule = 'destroyed_within_six_months'
    group by questions.reporting_year, questions.plan_version, questions.indicator_id, discoveries.iso3
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
