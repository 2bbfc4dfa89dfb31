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

with

participations as (
    select * from {{ ref('int_participations') }}
),

-- counted anew, so that a mistake in the parts can't hide itself
mine_victims as (
    select
        meeting_id as breakdown_value,
        count(distinct person_key) as mine_victim_count
    from participations
    where is_mine_victim
    group by meeting_id
    union all
    select
        concat(meeting_id, '|', delegation_kind) as breakdown_value,
        count(distinct person_key) as mine_victim_count
    from participations
    where is_mine_victim
    group by meeting_id, delegation_kind
),

parts as (
    select * from {{ ref('int_participation_parts') }} where breakdown <> 'total' and not is_suppressed
)

select
    parts.rule,
    parts.breakdown,
    parts.breakdown_value
from parts
left join mine_victims on parts.breakdown_value = mine_victims.breakdown_value
where
    (
        parts.rule = 'participant_share'
        and (parts.numerator between 1 and 4 or parts.denominator - parts.numerator between 1 and 4)
    )
    or (parts.rule = 'participant_count' and mine_victims.mine_victim_count between 1 and 9)
    or (parts.breakdown_value = 'mine_victims' and parts.numerator between 1 and 9)
