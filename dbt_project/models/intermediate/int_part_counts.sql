-- Numerator and denominator of the parts that have any member. One row for each year, indicator, breakdown and part.

with

members as (
    select * from {{ ref('int_part_members') }}
),

questions as (
    select * from {{ ref('int_indicator_years') }} where obstacle is null
)

select
    reporting_year,
    plan_version,
    indicator_id,
    breakdown,
    breakdown_value,
    cast(sum(case when in_numerator then 1 else 0 end) as bigint) as numerator,
    cast(sum(case when in_denominator then 1 when not in_denominator then 0 end) as bigint) as denominator,
    false as is_suppressed
from members
group by reporting_year, plan_version, indicator_id, breakdown, breakdown_value
union all
select
    questions.reporting_year,
    questions.plan_version,
    questions.indicator_id,
    parts.breakdown,
    parts.breakdown_value,
    cast(parts.numerator as bigint) as numerator,
    cast(parts.denominator as bigint) as denominator,
    parts.is_suppressed
from questions
inner join {{ ref('int_participation_parts') }} as parts
    on
        questions.reporting_year = parts.reporting_year
        and questions.rule = parts.rule
where parts.breakdown <> 'group'
