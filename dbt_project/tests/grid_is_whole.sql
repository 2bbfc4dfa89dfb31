{{ config(
    severity='error',
    meta={
        'code': 'HOUSE-GRID-01',
        'dimension': 'completeness',
        'subject': 'indicator_values, indicator_observations',
        'guards': 'Every member has its observation, every part its value, every indicator its total in every year begun.',
        'sentence': 'this does not hold; a rule lost or invented a member, int_parts lacks a part, or the plan names an unknown population or rule.',
        'named_by': 'rule',
    },
) }}

with

members as (
    select
        members.reporting_year,
        members.plan_version,
        members.indicator_id,
        members.member_kind,
        members.member_key
    from {{ ref('int_members') }} as members
    inner join {{ ref('int_indicator_years') }} as questions
        on
            members.reporting_year = questions.reporting_year
            and members.plan_version = questions.plan_version
            and members.indicator_id = questions.indicator_id
    where questions.obstacle is null
),

observations as (
    select
        reporting_year,
        plan_version,
        indicator_id,
        member_kind,
        member_key,
        in_denominator,
        in_numerator
    from {{ ref('indicator_observations') }}
    where member_kind <> 'participation_group'
)

select 'every member of the grid has one observation, and nobody else but actors that count' as rule
from members
full join observations
    on
        members.reporting_year = observations.reporting_year
        and members.plan_version = observations.plan_version
        and members.indicator_id = observations.indicator_id
        and members.member_kind = observations.member_kind
        and members.member_key = observations.member_key
where
    observations.indicator_id is null
    or (
        members.indicator_id is null
        and not (observations.in_denominator is null and observations.in_numerator)
    )
union all
select 'every count belongs to a part of a breakdown that ought to exist' as rule
from {{ ref('int_part_counts') }} as counts
left join {{ ref('int_parts') }} as parts
    on
        counts.reporting_year = parts.reporting_year
        and counts.plan_version = parts.plan_version
        and counts.indicator_id = parts.indicator_id
        and counts.breakdown = parts.breakdown
        and counts.breakdown_value = parts.breakdown_value
where
    parts.indicator_id is null
union all
select 'every indicator of every plan version has a total for every year begun' as rule
from {{ ref('stg_plan_indicators') }} as indicators
cross join {{ ref('int_reporting_years') }} as years
left join {{ ref('indicator_values') }} as totals
    on
        indicators.plan_version = totals.plan_version
        and indicators.indicator_id = totals.indicator_id
        and years.reporting_year = totals.reporting_year
        and totals.breakdown = 'total'
where totals.indicator_id is null
