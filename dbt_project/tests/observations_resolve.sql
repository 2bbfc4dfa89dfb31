{{ config(
    severity='error',
    meta={
        'code': 'HOUSE-SOURCE-01',
        'dimension': 'completeness',
        'subject': 'observation_sources',
        'guards': 'Every observation leads to the rows on which it rests.',
        'sentence': 'An observation has no source: add its rule to int_record_links.',
    },
) }}

select
    observations.reporting_year,
    observations.indicator_id,
    observations.member_key
from {{ ref('indicator_observations') }} as observations
left join (
    select
        reporting_year,
        plan_version,
        indicator_id,
        member_kind,
        member_key,
        count(*) as source_count
    from {{ ref('observation_sources') }}
    where role in ('decides', 'searched')
    group by reporting_year, plan_version, indicator_id, member_kind, member_key
) as sources
    on
        observations.reporting_year = sources.reporting_year
        and observations.plan_version = sources.plan_version
        and observations.indicator_id = sources.indicator_id
        and observations.member_kind = sources.member_kind
        and observations.member_key = sources.member_key
where sources.source_count is null
