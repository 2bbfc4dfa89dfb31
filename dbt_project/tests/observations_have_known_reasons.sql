{{ config(
    severity='error',
    meta={
        'code': 'HOUSE-REASON-01',
        'dimension': 'validity',
        'subject': 'indicator_observations',
        'guards': 'Every observation has one of the reasons of dim_reason.',
        'sentence': 'A rule gives a reason that nobody has defined: add it to seeds/reasons.csv or mend the rule.',
    },
) }}

select
    observations.indicator_id,
    observations.member_key,
    observations.reason
from {{ ref('indicator_observations') }} as observations
left join {{ ref('dim_reason') }} as reasons on observations.reason = reasons.reason
where reasons.reason is null
