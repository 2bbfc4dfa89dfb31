{#
  Schemas are named as they are, so that a table has one name on every machine; on Spark, whose catalog others may use
  as well, with the target's schema before it.
#}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {%- if target.type == 'spark' and custom_schema_name -%}
        {{ target.schema }}_{{ custom_schema_name | trim }}
    {%- else -%}
        {{ (custom_schema_name or target.schema) | trim }}
    {%- endif -%}
{%- endmacro %}
