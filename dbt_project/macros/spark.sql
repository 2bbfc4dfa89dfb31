{#
  What dbt-spark leaves open, or gets wrong. Input and tables are Parquet below one folder that Spark and the flow both
  see: input/<schema>/<table>/ holds the sources, <schema>/<table>/ what dbt makes.
#}

{% macro spark_storage() -%}
    {{ env_var('SRAAP_BUILD_STORAGE') }}
{%- endmacro %}

{% macro spark__file_format_clause() -%}
    using parquet
{%- endmacro %}

{% macro spark__location_clause() -%}
    location '{{ spark_storage() }}/{{ model.config.schema }}/{{ model.alias }}'
{%- endmacro %}

{# Makes each source a table over its folder of Parquet; the types are those of the files. Nothing on DuckDB. #}
{% macro register_sources() -%}
    {{ return(adapter.dispatch('register_sources')()) }}
{%- endmacro %}

{% macro default__register_sources() %}{% endmacro %}

{% macro spark__register_sources() -%}
    {% if execute and flags.WHICH in ('build', 'run', 'seed', 'test') %}
        {% set made = [] %}
        {% for source in graph.sources.values() %}
            {% if source.schema not in made %}
                {% do made.append(source.schema) %}
                {% call statement('make_schema', auto_begin=false) -%}
                    create schema if not exists {{ source.schema }}
                {%- endcall %}
            {% endif %}
            {% call statement('forget_source', auto_begin=false) -%}
                drop table if exists {{ source.schema }}.{{ source.name }}
            {%- endcall %}
            {% call statement('register_source', auto_begin=false) -%}
                create table {{ source.schema }}.{{ source.name }}
                using parquet
                location '{{ spark_storage() }}/input/{{ source.source_name }}/{{ source.name }}'
            {%- endcall %}
        {% endfor %}
    {% endif %}
{%- endmacro %}

{# A text as a literal; dbt-spark would end it at an apostrophe, and make 'None' of a null. #}
{% macro spark_literal(value) -%}
    {%- if value is none -%}
        null
    {%- else -%}
        '{{ value | string | replace('\\', '\\\\') | replace("'", "\\'") }}'
    {%- endif -%}
{%- endmacro %}

{% macro spark__load_csv_rows(model, agate_table) %}
    {% set types = model['config'].get('column_types', {}) %}
    {% set rows = [] %}
    {% for row in agate_table.rows %}
        {% set cells = [] %}
        {% for column in agate_table.column_names %}
            {% set type = types.get(column, adapter.convert_type(agate_table, loop.index0)) %}
            {% do cells.append('cast(' ~ spark_literal(row[column]) ~ ' as ' ~ type ~ ')') %}
        {% endfor %}
        {% do rows.append('(' ~ cells | join(', ') ~ ')') %}
    {% endfor %}
    {% set sql = 'insert into ' ~ this.render() ~ ' values\n' ~ rows | join(',\n') %}
    {% do adapter.add_query(sql, abridge_sql_log=True) %}
    {{ return(sql) }}
{% endmacro %}
