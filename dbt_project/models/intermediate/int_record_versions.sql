-- The versions of records that observation_sources can name, with the row of the file in which each stands: the ones
-- that count on the as-of date, and those that were known before them of records that decide. People's registers are
-- left out: they are named by file. A view: what no figure rests on is never written.

{{ config(materialized='view') }}

{% set keys = {
    'states': 'iso3',
    'treaty_actions': 'action_id',
    'obligations': 'obligation_id',
    'article7_reports': 'report_id',
    'article7_answers': "concat(versions.report_id, '|', versions.indicator_id)",
    'meetings': 'meeting_id',
    'meeting_statements': 'statement_id',
    'contributions': 'contribution_id',
    'extension_requests': 'request_id',
    'completion_declarations': 'declaration_id',
    'stockpile_discoveries': 'discovery_id',
    'compliance_cases': 'case_id',
} %}

{% for dataset, key in keys.items() %}
{% set record_key = key if '(' in key else 'versions.' ~ key %}
select
    '{{ dataset }}' as dataset,
    {{ record_key }} as record_key,
    {{ provenance('versions') }},
    true as is_counting
from {{ ref('stg_' ~ dataset) }} as versions
union all
select
    '{{ dataset }}' as dataset,
    {{ record_key }} as record_key,
    {{ provenance('versions') }},
    false as is_counting
from {{ source('landing', dataset) }} as versions
where
    versions.received_on <= {{ as_of() }}
    {% if dataset != 'meetings' %}
    {# groups of people rest on meetings too, which observation_sources adds #}
    and {{ record_key }} in (
        select links.record_key
        from {{ ref('int_record_links') }} as links
        where links.dataset = '{{ dataset }}' and links.role = 'decides'
    )
    {% endif %}
    and not exists (
        select 1
        from {{ ref('stg_' ~ dataset) }} as counting
        where counting.delivery_seq = versions.delivery_seq
    )
{{ 'union all' if not loop.last }}
{% endfor %}
