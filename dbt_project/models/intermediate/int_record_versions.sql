-- Every version of every record that was known on the as-of date, with the row of the file in which it stands and
-- whether it is the version that counts. People's registers are left out: they are named by file, in
-- observation_sources, which alone reads this: a view, so that what no figure rests on is never written.

{{ config(materialized='view') }}

{% set keys = {
    'states': ['iso3'],
    'treaty_actions': ['action_id'],
    'obligations': ['obligation_id'],
    'article7_reports': ['report_id'],
    'article7_answers': ['report_id', 'indicator_id'],
    'meetings': ['meeting_id'],
    'meeting_statements': ['statement_id'],
    'contributions': ['contribution_id'],
    'extension_requests': ['request_id'],
    'completion_declarations': ['declaration_id'],
    'stockpile_discoveries': ['discovery_id'],
    'compliance_cases': ['case_id'],
} %}

{% for dataset, key in keys.items() %}
select
    '{{ dataset }}' as dataset,
    {% if dataset == 'article7_answers' %}
    concat(landing_rows.report_id, '|', landing_rows.indicator_id) as record_key,
    {% else %}
    landing_rows.{{ key[0] }} as record_key,
    {% endif %}
    landing_rows.record_status,
    {{ provenance('landing_rows') }},
    counting.delivery_seq is not null as is_counting
from {{ source('landing', dataset) }} as landing_rows
left join (
    {{ latest_versions(dataset, key) }}
) as counting on landing_rows.delivery_seq = counting.delivery_seq
where landing_rows.received_on <= {{ as_of() }}
{{ 'union all' if not loop.last }}
{% endfor %}
