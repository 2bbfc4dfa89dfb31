-- Who falls into which part of which value, and how it counts there: one row for each year, indicator, breakdown, part
-- and member. Groups of people stand apart, in int_participation_parts.

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

-- parts that the members fall into: the numerator is the members in the part, the denominator that of the total
share_members as (
    select
        reporting_year,
        plan_version,
        indicator_id,
        member_kind,
        member_key,
        iso3,
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
        member_kind,
        member_key,
        iso3,
        'payment' as breakdown,
        payment as breakdown_value
    from observations
    where
        rule = 'paid_in_time'
        and in_denominator
)

select
    reporting_year,
    plan_version,
    indicator_id,
    breakdown,
    breakdown_value,
    member_kind,
    member_key,
    iso3,
    in_numerator,
    in_denominator
from rule_members
union all
select
    reporting_year,
    plan_version,
    indicator_id,
    breakdown,
    breakdown_value,
    member_kind,
    member_key,
    iso3,
    true as in_numerator,
    cast(null as boolean) as in_denominator
from share_members
union all
select
    acts.reporting_year,
    acts.plan_version,
    acts.indicator_id,
    'meeting' as breakdown,
    acts.meeting_id as breakdown_value,
    observations.member_kind,
    observations.member_key,
    observations.iso3,
    acts.is_counted and coalesce(observations.in_denominator, true) as in_numerator,
    cast(null as boolean) as in_denominator
from {{ ref('int_acts_at_meetings') }} as acts
-- of a percentage only the members count, at each meeting as in total
inner join observations
    on
        acts.reporting_year = observations.reporting_year
        and acts.plan_version = observations.plan_version
        and acts.indicator_id = observations.indicator_id
        and acts.iso3 = observations.member_key
