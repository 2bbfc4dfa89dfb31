{# Arithmetic on days and months, which no two engines spell alike. All give a date. #}

{% macro add_days(day, days) -%}
    {{ return(adapter.dispatch('add_days')(day, days)) }}
{%- endmacro %}

{% macro default__add_days(day, days) -%}
    cast({{ day }} + interval ({{ days }}) day as date)
{%- endmacro %}

{% macro spark__add_days(day, days) -%}
    date_add({{ day }}, {{ days }})
{%- endmacro %}

{# Keeps the day of the month, or takes the last day of a month that has no such day (semantics.md, Time). #}
{% macro add_months(day, months) -%}
    {{ return(adapter.dispatch('add_months')(day, months)) }}
{%- endmacro %}

{% macro default__add_months(day, months) -%}
    cast({{ day }} + interval ({{ months }}) month as date)
{%- endmacro %}

{% macro spark__add_months(day, months) -%}
    add_months({{ day }}, {{ months }})
{%- endmacro %}

{# Days since the first day of the calendar, as a bigint. #}
{% macro days_of_era(day) -%}
    {{ return(adapter.dispatch('days_of_era')(day)) }}
{%- endmacro %}

{% macro default__days_of_era(day) -%}
    cast({{ day }} - {{ beginning_of_time() }} as bigint)
{%- endmacro %}

{% macro spark__days_of_era(day) -%}
    cast(datediff({{ day }}, {{ beginning_of_time() }}) as bigint)
{%- endmacro %}

{# A day of a year that is a column: year_day('reporting_year', '04-30'). #}
{% macro year_day(year, month_and_day) -%}
    cast(concat(cast({{ year }} as {{ dbt.type_string() }}), '-{{ month_and_day }}') as date)
{%- endmacro %}

{# The first day of a membership that has no beginning, and the end of one that is open. #}
{% macro beginning_of_time() -%}cast('0001-01-01' as date){%- endmacro %}
{% macro end_of_time() -%}cast('9999-12-31' as date){%- endmacro %}
