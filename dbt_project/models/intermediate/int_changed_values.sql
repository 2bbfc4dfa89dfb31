-- Every value that differs from the publication before, in numerator, denominator, value or status, and what moved it:
-- another definition, rows, or else the day alone. One that appeared or vanished has nulls on the other side. Empty for
-- a first publication.

{% set value_key = ['reporting_year', 'plan_version', 'indicator_id', 'breakdown', 'breakdown_value'] %}

with

previous_settings as (
    select * from {{ source('control', 'previous_settings') }}
),

old_values as (
    select * from {{ source('control', 'previous_values') }}
),

new_values as (
    select
        {{ value_key | join(', ') }},
        numerator,
        denominator,
        value,
        status
    from {{ ref('indicator_values') }}
),

-- what the publication before would say by this definition
redefined_values as (
    select * from {{ source('control', 'redefined_values') }}
    union all
    select old_values.*
    from old_values
    inner join previous_settings on previous_settings.is_same_definition
),

-- the later of both days, by the rows of either publication
without_rows as (
    select * from {{ source('control', 'values_before') }}
),

with_rows as (
    select * from {{ source('control', 'values_after') }}
    union all
    select * from new_values where {{ is_later_day() }}
),

paired as (
    select
        {% for column in value_key %}
        coalesce(new_values.{{ column }}, old_values.{{ column }}) as {{ column }},
        {% endfor %}
        old_values.numerator as old_numerator,
        new_values.numerator as new_numerator,
        old_values.denominator as old_denominator,
        new_values.denominator as new_denominator,
        old_values.value as old_value,
        new_values.value as new_value,
        old_values.status as old_status,
        new_values.status as new_status
    from new_values
    full join old_values on {{ same_value('new_values', 'old_values') }}
    cross join previous_settings
    where {{ figures_differ('new_values', 'old_values') }}
)

select
    paired.*,
    (
        redefined_values.numerator is distinct from paired.old_numerator
        or redefined_values.denominator is distinct from paired.old_denominator
        or redefined_values.value is distinct from paired.old_value
        or redefined_values.status is distinct from paired.old_status
    ) as is_redefined,
    ({{ figures_differ('without_rows', 'with_rows') }}) as is_moved_by_rows,
    without_rows.status as status_without_rows,
    with_rows.status as status_with_rows
from paired
left join redefined_values on {{ same_value('paired', 'redefined_values') }}
left join without_rows on {{ same_value('paired', 'without_rows') }}
left join with_rows on {{ same_value('paired', 'with_rows') }}
