{{ config(
    severity='error',
    meta={
        'code': 'HOUSE-VALUE-02',
        'dimension': 'consistency',
        'subject': 'indicator_values',
        'guards': 'The regions, and the parts of timeliness and payment, add up to the total.',
        'sentence': 'A member falls into no part, or into two: this is a defect of the program.',
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
)

select
    parts.reporting_year,
    parts.indicator_id,
    parts.breakdown,
    parts.numerator,
    totals.numerator as total_numerator
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
