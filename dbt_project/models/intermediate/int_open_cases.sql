-- Cases under Article 1.1 and the days of each year on which they were open, from 1 January to the cut-off.

with

cases as (
    select * from {{ ref('stg_compliance_cases') }} where article = '1.1'
),

years as (
    select * from {{ ref('int_reporting_years') }}
)

select
    years.reporting_year,
    cases.case_id,
    cases.iso3,
    greatest(cases.opened_on, years.year_start) as open_from,
    least(coalesce(cases.closed_on, years.cut_off), years.cut_off) as open_to
from cases
inner join years
    on
        cases.opened_on <= years.cut_off
        and (cases.closed_on is null or cases.closed_on >= years.year_start)
where cases.closed_on is null or cases.closed_on >= cases.opened_on
