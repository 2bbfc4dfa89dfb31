-- A dataset is delivered, as of A, when a version received by A has loaded or a file with only its header
-- was accepted (inputs.md).

{% set datasets = [
    'states', 'treaty_actions', 'obligations', 'article7_reports', 'article7_answers', 'meetings',
    'meeting_participants', 'meeting_statements', 'contributions', 'extension_requests',
    'completion_declarations', 'stockpile_discoveries', 'compliance_cases',
] %}

with

received as (
    {% for dataset in datasets %}
    select
        '{{ dataset }}' as dataset,
        count(*) as version_count
    from {{ source('landing', dataset) }}
    where received_on <= {{ as_of() }}
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

headers as (
    select distinct dataset from {{ source('control', 'empty_deliveries') }}
)

select
    received.dataset,
    received.version_count,
    received.version_count > 0 or headers.dataset is not null as is_delivered
from received
left join headers on received.dataset = headers.dataset
