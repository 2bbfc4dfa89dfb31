-- Every value that differs from the publication before, in numerator, denominator, value or status; one that appeared
-- or vanished has nulls on the other side. Empty for a first publication.

with

previous_settings as (
    select * from {{ source('control', 'previous_settings') }}
),

old_values as (
    select * from {{ source('control', 'previous_values') }}
),

new_values as (
    select published.*
    from {{ ref('indicator_values') }} as published
    cross join previous_settings
),

paired as (
    select
        coalesce(new_values.reporting_year, old_values.reporting_year) as reporting_year,
        coalesce(new_values.plan_version, old_values.plan_version) as plan_version,
        coalesce(new_values.indicator_id, old_values.indicator_id) as indicator_id,
        coalesce(new_values.breakdown, old_values.breakdown) as breakdown,
        coalesce(new_values.breakdown_value, old_values.breakdown_value) as breakdown_value,
        old_values.numerator as old_numerator,
        new_values.numerator as new_numerator,
        old_values.denominator as old_denominator,
        new_values.denominator as new_denominator,
        old_values.value as old_value,
        new_values.value as new_value,
        old_values.status as old_status,
        new_values.status as new_status
    from new_values
    full join old_values
        on
            new_values.reporting_year = old_values.reporting_year
            and new_values.plan_version = old_values.plan_version
            and new_values.indicator_id = old_values.indicator_id
            and new_values.breakdown = old_values.breakdown
            and new_values.breakdown_value = old_values.breakdown_value
)

select *
from paired
where
    old_numerator is distinct from new_numerator
    or old_denominator is distinct from new_denominator
    or old_value is distinct from new_value
    or old_status is distinct from new_status
