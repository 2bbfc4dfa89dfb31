{{ config(
    severity='error',
    meta={
        'code': 'HOUSE-VALUE-03',
        'dimension': 'consistency',
        'subject': 'indicator_values',
        'guards': 'The total of every indicator is the count of its observations.',
        'sentence': 'A value and the members behind it differ: this is a defect of the program.',
    },
) }}

with

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

select
    totals.reporting_year,
    totals.indicator_id,
    totals.numerator,
    observed.numerator as observed_numerator
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
