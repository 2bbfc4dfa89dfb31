{{ config(
    severity='error',
    meta={
        'code': 'HOUSE-SOURCE-01',
        'dimension': 'completeness',
        'subject': 'observation_sources',
        'guards': 'Every observation leads to the rows on which it rests, and no row to an observation that is not there.',
        'sentence': 'An observation has no source: add its rule to int_record_links.',
    },
) }}

with

observations as (
    select distinct
        reporting_year,
        plan_version,
        indicator_id,
        member_kind,
        member_key
    from {{ ref('indicator_observations') }}
),

sources as (
    select
        reporting_year,
        plan_version,
        indicator_id,
        member_kind,
        member_key,
        sum(case when role in ('decides', 'searched') then 1 else 0 end) as answer_count
    from {{ ref('observation_sources') }}
    group by reporting_year, plan_version, indicator_id, member_kind, member_key
)

select
    observations.indicator_id as observed_indicator_id,
    sources.indicator_id as source_indicator_id,
    coalesce(observations.member_key, sources.member_key) as member_key
from observations
full join sources
    on
        observations.reporting_year = sources.reporting_year
        and observations.plan_version = sources.plan_version
        and observations.indicator_id = sources.indicator_id
        and observations.member_kind = sources.member_kind
        and observations.member_key = sources.member_key
where
    observations.indicator_id is null
    or coalesce(sources.answer_count, 0) = 0
