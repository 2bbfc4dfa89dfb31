-- What one member's cell says: the states, instruments, requests and groups behind every value.

with

observations as (
    select
        reporting_year,
        plan_version,
        indicator_id,
        member_kind,
        member_key,
        iso3,
        in_denominator,
        in_numerator,
        reason,
        1 as member_count,
        report_id,
        evidence,
        location
    from {{ ref('int_observations') }}
),

questions as (
    select * from {{ ref('int_indicator_years') }} where obstacle is null
),

groups as (
    select * from {{ ref('int_participation_parts') }} where breakdown = 'group'
),

group_observations as (
    select
        questions.reporting_year,
        questions.plan_version,
        questions.indicator_id,
        'participation_group' as member_kind,
        groups.breakdown_value as member_key,
        null as iso3,
        case when not groups.is_suppressed then groups.denominator > 0 end as in_denominator,
        case when not groups.is_suppressed then groups.numerator > 0 end as in_numerator,
        case
            when groups.is_suppressed then 'suppressed'
            when groups.numerator > 0 then 'met'
            when groups.denominator = 0 then 'unknown_gender'
            else 'not_met'
        end as reason,
        case when not groups.is_suppressed then coalesce(groups.denominator, groups.numerator) end as member_count,
        null as report_id,
        null as evidence,
        null as location
    from questions
    inner join groups
        on
            questions.reporting_year = groups.reporting_year
            and questions.rule = groups.rule
),

listed as (
    select * from observations
    union all
    select * from group_observations
)

select
    cast(reporting_year as int) as reporting_year,
    cast(plan_version as {{ dbt.type_string() }}) as plan_version,
    cast(indicator_id as {{ dbt.type_string() }}) as indicator_id,
    cast(member_kind as {{ dbt.type_string() }}) as member_kind,
    cast(member_key as {{ dbt.type_string() }}) as member_key,
    cast(iso3 as {{ dbt.type_string() }}) as iso3,
    cast(in_denominator as boolean) as in_denominator,
    cast(in_numerator as boolean) as in_numerator,
    cast(reason as {{ dbt.type_string() }}) as reason,
    cast(member_count as bigint) as member_count,
    cast(report_id as {{ dbt.type_string() }}) as report_id,
    cast(evidence as {{ dbt.type_string() }}) as evidence,
    cast(location as {{ dbt.type_string() }}) as location
from listed
