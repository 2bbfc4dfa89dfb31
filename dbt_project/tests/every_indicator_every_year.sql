{{ config(
    severity='error',
    meta={
        'code': 'HOUSE-GRID-03',
        'dimension': 'completeness',
        'subject': 'indicator_values',
        'guards': 'Every indicator of every plan version has a total for every year begun.',
        'sentence': 'An indicator names a population or rule that the project does not know: check the plan.',
    },
) }}

select
    indicators.plan_version,
    indicators.indicator_id,
    years.reporting_year
from {{ ref('stg_plan_indicators') }} as indicators
cross join {{ ref('int_reporting_years') }} as years
left join {{ ref('indicator_values') }} as totals
    on
        indicators.plan_version = totals.plan_version
        and indicators.indicator_id = totals.indicator_id
        and years.reporting_year = totals.reporting_year
        and totals.breakdown = 'total'
where totals.indicator_id is null
