{# Whether two values differ in numerator, denominator, value or status; a value that is not there has nulls. #}
{% macro figures_differ(one, other) -%}
    {{ one }}.numerator is distinct from {{ other }}.numerator
    or {{ one }}.denominator is distinct from {{ other }}.denominator
    or {{ one }}.value is distinct from {{ other }}.value
    or {{ one }}.status is distinct from {{ other }}.status
{%- endmacro %}

{# Joins two relations by the columns that make one value. #}
{% macro same_value(one, other) -%}
    {% for column in ['reporting_year', 'plan_version', 'indicator_id', 'breakdown', 'breakdown_value'] %}
    {{ one }}.{{ column }} = {{ other }}.{{ column }}{{ ' and' if not loop.last }}
    {% endfor %}
{%- endmacro %}

{# Joins two relations by what says which records can bear on a value. #}
{% macro same_graph(one, other) -%}
    {% for column in ['reporting_year', 'plan_version', 'indicator_id', 'graph_breakdown', 'graph_meeting'] %}
    {{ one }}.{{ column }} = {{ other }}.{{ column }}{{ ' and' if not loop.last }}
    {% endfor %}
{%- endmacro %}

{#
  Whether the as-of date of this publication is not before that of the publication before: then the figures of the later day,
  by the rows that this publication knows, are its own.
#}
{% macro is_later_day() -%}
    (
        select settings.as_of >= previous.as_of
        from {{ source('control', 'run_settings') }} as settings
        cross join {{ source('control', 'previous_settings') }} as previous
    )
{%- endmacro %}

{# One kind of records that bear on something, with the columns of int_record_bearings; `null` bears on all. #}
{% macro bearing(
    dataset, record_key, topic, node, first_year=0, last_year=9999, meeting_id='null', plan_version='null',
    indicator_id='null'
) -%}
    select
        '{{ dataset }}' as dataset,
        {{ record_key }} as record_key,
        {{ topic }} as topic,
        cast({{ node }} as {{ dbt.type_string() }}) as node,
        cast({{ meeting_id }} as {{ dbt.type_string() }}) as meeting_id,
        cast({{ plan_version }} as {{ dbt.type_string() }}) as plan_version,
        cast({{ indicator_id }} as {{ dbt.type_string() }}) as indicator_id,
        {{ first_year }} as first_year,
        {{ last_year }} as last_year
{%- endmacro %}
