{{ config(
    severity='error',
    meta={
        'code': 'HOUSE-KEY-21',
        'dimension': 'uniqueness',
        'subject': 'dim_state',
        'guards': 'Each treaty action, obligation, report and case of a state has a key of its own.',
        'sentence': 'Two rows share a key; this is a defect of the program.',
    },
) }}

{% for table, columns in {
    'state_treaty_actions': 'action_id',
    'state_obligations': 'obligation_id',
    'state_reports': 'reporting_year, iso3, report_number',
    'state_cases': 'case_id',
}.items() %}
select '{{ table }}' as table_name
from {{ ref(table) }}
group by {{ columns }}
having count(*) > 1
{{ 'union all' if not loop.last }}
{% endfor %}
