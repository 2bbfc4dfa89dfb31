{{ config(
    severity='error',
    meta={
        'code': 'HOUSE-VALUE-01',
        'dimension': 'validity',
        'subject': 'indicator_values',
        'guards': 'A numerator lies between zero and its denominator, and a value is what they give.',
        'sentence': 'A rule counts members outside its population: this is a defect of the program.',
    },
) }}

select
    reporting_year,
    indicator_id,
    breakdown,
    breakdown_value,
    numerator,
    denominator,
    value,
    status
from {{ ref('indicator_values') }}
where
    numerator < 0
    or numerator > denominator
    or (unit = 'number' and denominator is not null)
    or (status in ('not_computable', 'not_yet_due') and (numerator is not null or value is not null))
    or (status = 'empty_population' and (denominator <> 0 or value is not null))
    or (status in ('provisional', 'final') and (numerator is null or value is null))
    or (status = 'suppressed' and coalesce(numerator, denominator, value, previous_value, change) is not null)
    or value < 0
    or (unit = 'percent' and value > 100)
