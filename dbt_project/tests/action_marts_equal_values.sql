{{ config(
    severity='error',
    meta={
        'code': 'HOUSE-UNION-01',
        'dimension': 'consistency',
        'subject': 'indicator_values',
        'guards': 'The 45 action marts together are indicator_values of the configured plan.',
        'sentence': 'An action of the plan has no mart, or one mart too many: add or remove models/marts/actions.',
    },
) }}

with

marts as (
    {% for action in range(1, 46) %}
    select * from {{ ref('action_%02d' % action) }}
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

expected as (
    select *
    from {{ ref('indicator_values') }}
    where plan_version = {{ configured_plan() }}
)

select
    expected.indicator_id as expected_indicator_id,
    marts.indicator_id as found_indicator_id,
    coalesce(expected.breakdown_value, marts.breakdown_value) as breakdown_value
from expected
full join marts
    on
        expected.reporting_year = marts.reporting_year
        and expected.indicator_id = marts.indicator_id
        and expected.breakdown = marts.breakdown
        and expected.breakdown_value = marts.breakdown_value
where
    expected.indicator_id is null
    or marts.indicator_id is null
    or expected.status <> marts.status
    or coalesce(expected.value, -1) <> coalesce(marts.value, -1)
