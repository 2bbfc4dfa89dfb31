{{ config(
    severity='error',
    meta={
        'code': 'HOUSE-VALUE-02',
        'dimension': 'consistency',
        'subject': 'indicator_values',
        'guards': 'Regions, and the parts of timeliness and payment, add up to the total, and the total is the count of its observations.',
        'sentence': 'this does not hold; it is a defect of the program.',
        'named_by': 'rule',
    },
) }}

with

parts as (
    select
        reporting_year,
        plan_version,
        indicator_id,
        breakdown,
        sum(numerator) as numerator,
        sum(denominator) as denominator
    from {{ ref('indicator_values') }}
    where breakdown in ('un_region', 'timeliness', 'payment')
    group by reporting_year, plan_version, indicator_id, breakdown
),

totals as (
    select * from {{ ref('indicator_values') }} where breakdown = 'total'
),

observed as (
    select
        reporting_year,
        plan_version,
        indicator_id,
        sum(case when in_numerator then member_count else 0 end) as numerator,
        sum(case when in_denominator then member_count else 0 end) as denominator
    from {{ ref('indicator_observations') }}
    where member_kind <> 'participation_group'
    group by reporting_year, plan_version, indicator_id
)

select 'regions, and the parts of timeliness and payment, add up to the total' as rule
from parts
inner join totals
    on
        parts.reporting_year = totals.reporting_year
        and parts.plan_version = totals.plan_version
        and parts.indicator_id = totals.indicator_id
where
    (parts.breakdown = 'un_region' and coalesce(parts.numerator, -1) <> coalesce(totals.numerator, -1))
    or (parts.breakdown = 'un_region' and coalesce(parts.denominator, -1) <> coalesce(totals.denominator, -1))
    or (parts.breakdown <> 'un_region' and coalesce(parts.numerator, -1) <> coalesce(totals.denominator, -1))
union all
select 'the total of every indicator is the count of its observations' as rule
from {{ ref('indicator_values') }} as totals
left join observed
    on
        totals.reporting_year = observed.reporting_year
        and totals.plan_version = observed.plan_version
        and totals.indicator_id = observed.indicator_id
inner join {{ ref('int_indicator_years') }} as questions
    on
        totals.reporting_year = questions.reporting_year
        and totals.plan_version = questions.plan_version
        and totals.indicator_id = questions.indicator_id
where
    totals.breakdown = 'total'
    and questions.population <> 'participants'
    and questions.obstacle is null
    and (
        totals.numerator <> coalesce(observed.numerator, 0)
        or (totals.unit = 'percent' and totals.denominator <> coalesce(observed.denominator, 0))
    )
