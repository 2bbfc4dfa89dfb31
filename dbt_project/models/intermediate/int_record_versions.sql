-- Every version of every record that was known on the as-of date, with the row of the file in which it stands and
-- whether it is the version that counts. People's registers are left out: they are named by file, in
-- observation_sources.

{% set keys = {
    'states': 'iso3',
    'treaty_actions': 'action_id',
    'obligations': 'obligation_id',
    'article7_reports': 'report_id',
    'article7_answers': "concat(report_id, '|', indicator_id)",
    'meetings': 'meeting_id',
    'meeting_statements': 'statement_id',
    'contributions': 'contribution_id',
    'extension_requests': 'request_id',
    'completion_declarations': 'declaration_id',
    'stockpile_discoveries': 'discovery_id',
    'compliance_cases': 'case_id',
} %}

with

versions as (
    {% for dataset, key in keys.items() %}
    select
        '{{ dataset }}' as dataset,
        {{ key }} as record_key,
        record_status,
        {{ provenance('landing_rows') }}
    from {{ source('landing', dataset) }} as landing_rows
    where received_on <= {{ as_of() }}
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

counting as (
    select
        dataset,
        delivery_seq
    from versions
    qualify
        row_number() over (
            partition by dataset, record_key
            order by received_on desc, delivery_seq desc
        ) = 1
)

select
    versions.*,
    counting.delivery_seq is not null as is_counting
from versions
left join counting
    on
        versions.dataset = counting.dataset
        and versions.delivery_seq = counting.delivery_seq
