{# The mart of one action of the configured plan; the 45 models differ in the number alone. #}
{% macro action_mart(action) -%}
select
    reporting_year,
    plan_version,
    indicator_id,
    indicator,
    unit,
    breakdown,
    breakdown_value,
    numerator,
    denominator,
    value,
    previous_value,
    change,
    status,
    as_of
from {{ ref('indicator_values') }}
where
    action = {{ action }}
    and plan_version = {{ configured_plan() }}
{%- endmacro %}
