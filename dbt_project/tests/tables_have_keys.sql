{% set meta = {
        'code': 'HOUSE-KEY-21',
        'dimension': 'uniqueness',
        'subject': 'marts',
        'guards': 'Each row of a table has a key of its own, and no part of it is missing.',
        'sentence': 'two rows share a key, or lack a part of it; this is a defect of the program.',
        'named_by': 'table_name',
        'keys': {
            'population_members': ['reporting_year', 'population', 'member_kind', 'member_key'],
            'indicators_wide': ['plan_version', 'indicator_id'],
            'indicator_revisions': ['reporting_year', 'plan_version', 'indicator_id', 'breakdown', 'breakdown_value', 'cause_number'],
            'dim_action': ['plan_version', 'action'],
            'dim_indicator': ['plan_version', 'indicator_id'],
            'dim_state': ['iso3'],
            'dim_meeting': ['meeting_id'],
            'dim_population': ['population'],
            'dim_reason': ['reason'],
            'dim_publication': ['publication_id'],
            'state_treaty_actions': ['action_id'],
            'state_obligations': ['obligation_id'],
            'state_reports': ['reporting_year', 'iso3', 'report_number'],
            'state_cases': ['case_id'],
        },
    } %}

{{ config(severity='error', meta=meta) }}

{% for table, columns in meta['keys'].items() %}
select '{{ table }}' as table_name
from {{ ref(table) }}
group by {{ columns | join(', ') }}
having
    count(*) > 1
    {% for column in columns %}
    or {{ column }} is null
    {% endfor %}
{{ 'union all' if not loop.last }}
{% endfor %}
