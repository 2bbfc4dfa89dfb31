{#
  Joins the membership on the day of an act: `left join ... as <alias>` on population, state and day. At most one
  period of a state holds a day, so the join never multiplies rows.
#}
{% macro membership_on(population, iso3, day, alias='membership') -%}
    left join {{ ref('int_population_periods') }} as {{ alias }}
        on
            {{ population }} = {{ alias }}.population
            and {{ iso3 }} = {{ alias }}.iso3
            and {{ alias }}.member_from <= {{ day }}
            and {{ day }} < {{ alias }}.member_until
{%- endmacro %}

{#
  A percentage describes the members on the cut-off, so any act of theirs counts; a number counts acts, so the actor must have
  belonged on the day of the act (semantics.md, Populations).
#}
{% macro act_counts(unit, alias='membership') -%}
    ({{ unit }} = 'percent' or {{ alias }}.iso3 is not null)
{%- endmacro %}
