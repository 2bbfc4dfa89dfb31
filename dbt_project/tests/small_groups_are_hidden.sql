{{ config(
    severity='error',
    meta={
        'code': 'HOUSE-PEOPLE-01',
        'dimension': 'validity',
        'subject': 'int_participation_parts',
        'guards': 'No part with few women, few others or few mine victims is shown.',
        'sentence': 'A small group of people would be published: this is a defect of the program.',
    },
) }}

select
    breakdown,
    breakdown_value,
    numerator,
    denominator
from {{ ref('int_participation_parts') }}
where
    not is_suppressed
    and breakdown <> 'total'
    and rule = 'participant_share'
    and (numerator between 1 and 4 or denominator - numerator between 1 and 4)
