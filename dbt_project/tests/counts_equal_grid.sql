{{ config(
    severity='error',
    meta={
        'code': 'HOUSE-GRID-02',
        'dimension': 'completeness',
        'subject': 'indicator_values',
        'guards': 'Every count belongs to a part of a breakdown that ought to exist.',
        'sentence': 'A part is missing from the vocabulary of its breakdown: add it to int_parts.',
    },
) }}

select
    counts.reporting_year,
    counts.indicator_id,
    counts.breakdown,
    counts.breakdown_value
from {{ ref('int_part_counts') }} as counts
left join {{ ref('int_parts') }} as parts
    on
        counts.reporting_year = parts.reporting_year
        and counts.plan_version = parts.plan_version
        and counts.indicator_id = parts.indicator_id
        and counts.breakdown = parts.breakdown
        and counts.breakdown_value = parts.breakdown_value
where
    parts.indicator_id is null
