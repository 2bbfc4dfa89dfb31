-- Numerator and denominator of the parts that have any member. One row for each year, indicator, breakdown and part.

with

observations as (
    select
        observations.*,
        coalesce(states.un_region, 'none') as un_region,
        reports.first_submitted_on,
        reports.iso3 is not null as has_report,
        years.report_due_on,
        payments.payment
    from {{ ref('int_observations') }} as observations
    inner join {{ ref('int_reporting_years') }} as years on observations.reporting_year = years.reporting_year
    left join {{ ref('stg_states') }} as states on observations.iso3 = states.iso3
    left join (
        select
            reporting_year,
            iso3,
            min(submitted_on) as first_submitted_on
        from {{ ref('int_reports') }}
        group by reporting_year, iso3
    ) as reports
        on
            observations.reporting_year = reports.reporting_year
            and observations.iso3 = reports.iso3
    left join {{ ref('int_payments') }} as payments
        on
            observations.reporting_year = payments.reporting_year
            and observations.iso3 = payments.iso3
),

-- each observation once for each part in which it is counted by the indicator's own rule
rule_members as (
    select
        *,
        'total' as breakdown,
        'all' as breakdown_value
    from observations
    union all
    select
        *,
        'un_region' as breakdown,
        un_region as breakdown_value
    from observations
    union all
    select
        *,
        'reporting' as breakdown,
        'reporting' as breakdown_value
    from observations
    where
        has_report
        and unit = 'percent'
        and member_kind = 'state'
    union all
    select
        *,
        'applicable' as breakdown,
        'applicable' as breakdown_value
    from observations
    where
        reason <> 'not_applicable'
        and unit = 'percent'
        and rule = 'reported'
),

rule_counts as (
    select
        reporting_year,
        plan_version,
        indicator_id,
        breakdown,
        breakdown_value,
        sum(case when in_numerator then 1 else 0 end) as numerator,
        case when unit = 'percent' then sum(case when in_denominator then 1 else 0 end) end as denominator
    from rule_members
    group by reporting_year, plan_version, indicator_id, unit, breakdown, breakdown_value
),

-- parts that the members fall into: the numerator is the members in the part, the denominator that of the total
share_members as (
    select
        reporting_year,
        plan_version,
        indicator_id,
        'timeliness' as breakdown,
        case
            when first_submitted_on <= report_due_on then 'on_time'
            when first_submitted_on is not null then 'late'
            else 'none'
        end as breakdown_value
    from observations
    where
        rule = 'submitted'
        and population = 'reporting_parties'
        and in_denominator
    union all
    select
        reporting_year,
        plan_version,
        indicator_id,
        'payment' as breakdown,
        payment as breakdown_value
    from observations
    where
        rule = 'paid_in_time'
        and in_denominator
),

share_counts as (
    select
        reporting_year,
        plan_version,
        indicator_id,
        breakdown,
        breakdown_value,
        count(*) as numerator
    from share_members
    group by reporting_year, plan_version, indicator_id, breakdown, breakdown_value
),

meeting_counts as (
    select
        reporting_year,
        plan_version,
        indicator_id,
        meeting_id,
        count(distinct case when is_counted then iso3 end) as numerator
    from {{ ref('int_acts_at_meetings') }}
    group by reporting_year, plan_version, indicator_id, meeting_id
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
    cast(numerator as bigint) as numerator,
    cast(denominator as bigint) as denominator,
    false as is_suppressed
from rule_counts
union all
select
    reporting_year,
    plan_version,
    indicator_id,
    breakdown,
    breakdown_value,
    cast(numerator as bigint) as numerator,
    cast(null as bigint) as denominator,
    false as is_suppressed
from share_counts
union all
select
    reporting_year,
    plan_version,
    indicator_id,
    'meeting' as breakdown,
    meeting_id as breakdown_value,
    cast(numerator as bigint) as numerator,
    cast(null as bigint) as denominator,
    false as is_suppressed
from meeting_counts
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
