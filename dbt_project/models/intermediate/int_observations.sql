-- What was observed, joined to the grid of members: one row for each year, indicator and member, with exactly one
-- reason. Groups of people stand apart, in int_participation_parts.

with

-- what can't be computed, or is not due, has no observations
questions as (
    select * from {{ ref('int_indicator_years') }} where obstacle is null
),

members as (
    select * from {{ ref('int_members') }}
),

observed as (
    select
        reporting_year,
        plan_version,
        indicator_id,
        member_kind,
        member_key,
        iso3,
        is_counted,
        reason,
        report_id,
        evidence,
        location
    from {{ ref('int_rule_reported') }}
    union all
    select
        reporting_year,
        plan_version,
        indicator_id,
        member_kind,
        member_key,
        iso3,
        is_counted,
        reason,
        report_id,
        evidence,
        location
    from {{ ref('int_rule_reported_ever') }}
    union all
    select
        reporting_year,
        plan_version,
        indicator_id,
        member_kind,
        member_key,
        iso3,
        is_counted,
        reason,
        report_id,
        null as evidence,
        null as location
    from {{ ref('int_rule_submitted') }}
    {% for rule_model in ['int_rule_contributions', 'int_rule_discoveries', 'int_rule_completion', 'int_rule_cases'] %}
    union all
    select
        reporting_year,
        plan_version,
        indicator_id,
        member_kind,
        member_key,
        iso3,
        is_counted,
        reason,
        null as report_id,
        null as evidence,
        null as location
    from {{ ref(rule_model) }}
    {% endfor %}
    union all
    select
        reporting_year,
        plan_version,
        indicator_id,
        'state' as member_kind,
        iso3 as member_key,
        iso3,
        max(case when is_counted then 1 else 0 end) = 1 as is_counted,
        case when max(case when is_counted then 1 else 0 end) = 1 then 'met' else 'not_met' end as reason,
        null as report_id,
        null as evidence,
        null as location
    from {{ ref('int_acts_at_meetings') }}
    group by reporting_year, plan_version, indicator_id, iso3
),

-- an actor that counts is listed even where it belonged on no day of the year
other_actors as (
    select
        observed.reporting_year,
        observed.plan_version,
        observed.indicator_id,
        observed.member_kind,
        observed.member_key,
        observed.iso3,
        cast(null as boolean) as in_denominator,
        false as is_pending
    from observed
    inner join questions
        on
            observed.reporting_year = questions.reporting_year
            and observed.plan_version = questions.plan_version
            and observed.indicator_id = questions.indicator_id
    left join members
        on
            observed.reporting_year = members.reporting_year
            and observed.plan_version = members.plan_version
            and observed.indicator_id = members.indicator_id
            and observed.member_kind = members.member_kind
            and observed.member_key = members.member_key
    where
        questions.unit = 'number'
        and observed.is_counted
        and members.member_key is null
),

listed as (
    select * from members
    union all
    select * from other_actors
)

select
    listed.reporting_year,
    listed.plan_version,
    listed.indicator_id,
    questions.unit,
    questions.rule,
    questions.population,
    listed.member_kind,
    listed.member_key,
    listed.iso3,
    listed.in_denominator,
    case
        when listed.is_pending then false
        when questions.rule = 'joined_in_year' then true
        else coalesce(observed.is_counted, false)
    end as in_numerator,
    case
        when listed.is_pending then 'pending'
        when questions.rule = 'joined_in_year' then 'met'
        when observed.reason is not null then observed.reason
        when questions.rule in ('reported', 'reported_ever') then 'no_report'
        else 'not_met'
    end as reason,
    observed.report_id,
    observed.evidence,
    observed.location
from listed
inner join questions
    on
        listed.reporting_year = questions.reporting_year
        and listed.plan_version = questions.plan_version
        and listed.indicator_id = questions.indicator_id
left join observed
    on
        listed.reporting_year = observed.reporting_year
        and listed.plan_version = observed.plan_version
        and listed.indicator_id = observed.indicator_id
        and listed.member_kind = observed.member_kind
        and listed.member_key = observed.member_key
