-- A dataset is delivered, as of A, when a version received by A has loaded or a file with only its header
-- was accepted (inputs.md).

{% set datasets = [
    'states', 'treaty_actions', 'obligations', 'article7_reports', 'article7_answers', 'meetings',
    'meeting_participants', 'meeting_statements', 'contributions', 'extension_requests',
    'completion_declarations', 'stockpile_discoveries', 'compliance_cases',
] %}

with

datasets as (
    {% for dataset in datasets %}
    select '{{ dataset }}' as dataset
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

versions as (
    {% for dataset in datasets %}
    select
        '{{ dataset }}' as dataset,
        received_on
    from {{ source('landing', dataset) }}
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

received as (
    select
        dataset,
        count(*) as version_count
    from versions
    where received_on <= {{ as_of() }}
    group by dataset
),

headers as (
    select distinct dataset from {{ source('control', 'empty_deliveries') }}
)

select
    datasets.dataset,
    coalesce(received.version_count, 0) as version_count,
    received.dataset is not null or headers.dataset is not null as is_delivered
from datasets
left join received on datasets.dataset = received.dataset
left join headers on datasets.dataset = headers.dataset
