{{ config(
    severity='error',
    meta={
        'code': 'HOUSE-GRID-01',
        'dimension': 'completeness',
        'subject': 'indicator_observations',
        'guards': 'Every member of the grid has exactly one observation, and nobody else but actors that count.',
        'sentence': 'The rules lost or invented a member: this is a defect of the program.',
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

select
    members.indicator_id as expected_indicator_id,
    observations.indicator_id as observed_indicator_id,
    coalesce(members.member_key, observations.member_key) as member_key
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
